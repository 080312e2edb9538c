package server

import (
	"fmt"

	"github.com/specgate/specgate/internal/contract"
)

// enforced is what a contract is made into, once for all servers that have it.
type enforced struct {
	json       []byte // of the contract
	title      string
	codes      map[string]bool // of errors, that the log may name
	fields     map[string]bool // of requests, that metrics may name
	validators map[string]*validator
}

// enforce fails where the contract asks for what it could not enforce.
func enforce(spec []byte) (*enforced, error) {
	doc, err := contract.Load(spec)
	if err != nil {
		return nil, err
	}
	e := &enforced{title: doc.Info.Title, codes: codesOf(doc), fields: namesOf(doc)}
	if e.json, err = doc.MarshalJSON(); err != nil {
		return nil, err
	}
	if e.validators, err = newValidators(doc); err != nil { // from here on the document is theirs
		return nil, fmt.Errorf("compile the contract: %w", err)
	}
	return e, nil
}
