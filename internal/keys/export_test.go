package keys

// CountComparisons counts how often secrets are compared.
func (a *Authenticator) CountComparisons() (n *int) {
	n = new(int)
	a.compare = func() { *n++ }
	return n
}
