package upstream

// details repairs what an answer may leave out: system_fingerprint and usage.
func (r *repair) details(doc object) object {
	if value, ok := doc.find("system_fingerprint"); ok && !isText(value) && !isNull(value) {
		doc = doc.set("system_fingerprint", null)
		r.note(repairedFingerprint)
	}
	if value, ok := doc.find("usage"); ok && !isNull(value) {
		doc = doc.set("usage", r.usage(value))
	}
	return doc
}

// usage fills the counts that follow from the others: OpenAI itself has left completion_tokens out
// where nothing was to be generated. Without prompt_tokens, or with a count that is none, it is null.
func (r *repair) usage(raw []byte) []byte {
	u, _ := members(raw)
	prompt, ok := integer(u.get("prompt_tokens"))
	if !ok {
		r.note(repairedUsage)
		return null
	}
	r.count(&u, "prompt_tokens", prompt)
	completion, ok := r.count(&u, "completion_tokens", 0)
	if !ok {
		return null
	}
	if _, ok := r.count(&u, "total_tokens", prompt+completion); !ok {
		return null
	}
	u = r.counts(u, "completion_tokens_details",
		"accepted_prediction_tokens", "audio_tokens", "reasoning_tokens", "rejected_prediction_tokens")
	u = r.counts(u, "prompt_tokens_details", "audio_tokens", "cached_tokens")
	return u.bytes()
}

// count returns a count, which is set to otherwise where it is missing, and written in digits where it
// is not. It reports whether it is one.
func (r *repair) count(u *object, name string, otherwise int64) (int64, bool) {
	raw, ok := u.find(name)
	if !ok || isNull(raw) {
		*u = u.set(name, decimal(otherwise))
		r.note(repairedUsage)
		return otherwise, true
	}
	n, ok := integer(raw)
	if !isDecimal(raw) {
		*u = u.set(name, decimal(n))
		r.note(repairedUsage)
	}
	return n, ok
}

// counts makes null of those counts in the details called name that are none, and writes the others in
// digits.
func (r *repair) counts(u object, name string, counts ...string) object {
	raw, ok := u.find(name)
	if !ok || isNull(raw) {
		return u
	}
	details, ok := members(raw)
	if !ok {
		r.note(repairedUsage)
		return u.set(name, null)
	}
	for _, count := range counts {
		if value, ok := details.find(count); ok && !isNull(value) && !isDecimal(value) {
			details = details.set(count, digits(value))
			r.note(repairedUsage)
		}
	}
	return u.set(name, details.bytes())
}
