// Package usage keeps a record of each request for a completion: who asked, for what model, what became of
// it and what it used; never what was asked or answered. Records are written in batches to a Sink, or to a
// spool on disk while that is away. It knows nothing else of ours: no SQL, no HTTP, no limits.
package usage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// Record is one request. Its names in JSON are those of the spool and of the store; see AppendJSON.
type Record struct {
	ID           string `json:"id"`           // 32 hexadecimal digits, in the order of At; see NewID
	At           int64  `json:"at"`           // when it came, in ms since 1970
	Key          string `json:"key"`          // the id of its key, or the name of a token of the settings
	Organization string `json:"organization"` // id; may be empty
	Project      string `json:"project"`      // id; may be empty
	Model        string `json:"model"`        // as it was asked for; empty where that could not be read
	Upstream     string `json:"upstream"`     // the last that was asked; empty where none was
	Status       int    `json:"status"`       // 499 where the caller left
	Error        string `json:"error"`        // the code of the error; empty where there was none

	Prompt     int64 `json:"prompt"` // tokens
	Cached     int64 `json:"cached"`
	Completion int64 `json:"completion"`
	Reasoning  int64 `json:"reasoning"`
	Reported   bool  `json:"reported"` // whether the backend said so, or they are estimated

	Duration   int64  `json:"duration"`    // in ms
	FirstToken int64  `json:"first_token"` // after so many ms, at least 1; 0 where it was no stream, or none came
	Streamed   bool   `json:"streamed"`
	Cancelled  bool   `json:"cancelled"` // the caller left
	User       string `json:"user"`      // the keyed hash of `user`; empty where none was given
}

// Estimated reports whether tokens were counted that no backend told of. A request that used none has nothing to
// estimate.
func (r *Record) Estimated() bool { return !r.Reported && r.Prompt+r.Completion > 0 }

// mostModel is how many bytes of a model's name are kept.
const mostModel = 256

// NewID is the id of a record of a time: 48 bits of its milliseconds, and 80 of chance.
func NewID(at time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // it has to be another, and is no secret
	binary.BigEndian.PutUint32(id[4:], rand.Uint32()) //nolint:gosec // the same
	putMillis(&id, at)
	return digits(id)
}

// FirstID is before every id of a time, or of a later one.
func FirstID(at time.Time) string {
	var id [16]byte
	putMillis(&id, at)
	return digits(id)
}

func digits(id [16]byte) string {
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

func putMillis(id *[16]byte, at time.Time) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	copy(id[:6], ms[2:])
}

// Hash is what is kept of the `user` of a request, under a secret: enough to find one that is known, and not
// to find out one that is not. It is empty for an empty one.
func Hash(secret []byte, user string) string {
	if user == "" {
		return ""
	}
	return newHasher(secret).of(user)
}

// hasher hashes one user after the other. One that was used before knows what the secret makes of the beginning, and
// has room.
type hasher struct {
	mac       hash.Hash
	user, sum []byte
}

func newHasher(secret []byte) *hasher { return &hasher{mac: hmac.New(sha256.New, secret)} }

func (h *hasher) of(user string) string {
	h.mac.Reset()
	h.user = append(h.user[:0], user...)
	_, _ = h.mac.Write(h.user)
	h.sum = h.mac.Sum(h.sum[:0])
	return digits([16]byte(h.sum))
}

// Name is a model's as it is kept: no database would take all that a caller may call it.
func Name(model string) string {
	model = strings.ToValidUTF8(strings.ReplaceAll(model, "\x00", ""), "")
	if len(model) <= mostModel {
		return model
	}
	end := mostModel
	for !utf8.RuneStart(model[end]) {
		end--
	}
	return model[:end]
}
