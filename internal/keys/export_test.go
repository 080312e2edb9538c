package keys

import "crypto/subtle"

// CountComparisons counts how often secrets are compared.
func (a *Authenticator) CountComparisons() (n *int) {
	n = new(int)
	a.equal = func(x, y []byte) int {
		*n++
		return subtle.ConstantTimeCompare(x, y)
	}
	return n
}
