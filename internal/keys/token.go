package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"hash/crc32"
	"strings"

	"github.com/specgate/specgate/internal/token"
)

// A token is sg-, the key's id, a dash, the secret and the checksum of all before it. Base32 in lower
// case has no letter that reads as another, and survives what does not keep the case.
const (
	tokenPrefix    = token.Prefix
	idLength       = 16 // characters: 80 bits
	secretLength   = 52 // 256 bits
	checksumLength = 7  // 32 bits
	tokenLength    = len(tokenPrefix) + idLength + 1 + secretLength + checksumLength
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Hash is the SHA-256 of a secret, all that is kept of it.
type Hash [sha256.Size]byte

// Token is a token as its bearer shows it, in parts. It is no text of the token.
type Token struct {
	ID   string // of the key
	Hash Hash   // of the secret
}

// NewID is the id of a new key.
func NewID() string {
	var random [idLength * 5 / 8]byte
	_, _ = rand.Read(random[:]) // ends the process rather than fail
	return alphabet.EncodeToString(random[:])
}

// NewSecret is a token for the key with an id, which is to be shown once, and the hash of its secret.
func NewSecret(id string) (token string, hash Hash) {
	var random [32]byte
	_, _ = rand.Read(random[:])
	secret := alphabet.EncodeToString(random[:])
	text := tokenPrefix + id + "-" + secret
	sum := checksum([]byte(text))
	return text + string(sum[:]), sha256.Sum256([]byte(secret))
}

// ParseToken takes a token apart. ok is false for what no gateway ever gave out, a mistyped token among
// it; whether this one did is for the store to say.
func ParseToken(text string) (t Token, ok bool) {
	if len(text) != tokenLength || !strings.HasPrefix(text, tokenPrefix) {
		return Token{}, false
	}
	var raw [tokenLength]byte // on the stack, which copies of its parts would not be
	copy(raw[:], text)
	body := raw[:tokenLength-checksumLength]
	id, secret := body[len(tokenPrefix):len(tokenPrefix)+idLength], body[len(tokenPrefix)+idLength+1:]
	if sum := checksum(body); !bytes.Equal(sum[:], raw[len(body):]) || body[len(tokenPrefix)+idLength] != '-' || !plain(id) || !plain(secret) {
		return Token{}, false
	}
	return Token{ID: text[len(tokenPrefix):][:idLength], Hash: sha256.Sum256(secret)}, true
}

func checksum(text []byte) (encoded [checksumLength]byte) {
	sum := crc32.ChecksumIEEE(text)
	alphabet.Encode(encoded[:], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return encoded
}

// plain reports whether text is of the alphabet of tokens.
func plain[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// newOwnerID is the id of a new organization or project: 24 hexadecimal digits.
func newOwnerID() string {
	var random [12]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}
