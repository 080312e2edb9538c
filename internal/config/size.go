package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as an integer or with a binary unit: 16MiB.
type Size int64

const (
	kibibyte Size = 1 << 10
	mebibyte Size = 1 << 20
	gibibyte Size = 1 << 30
)

// units go from the largest down, so that String finds the shortest form first and ParseSize the
// longest suffix.
var units = [...]struct {
	suffix string
	size   Size
}{{"GiB", gibibyte}, {"MiB", mebibyte}, {"KiB", kibibyte}, {"B", 1}}

var errSize = errors.New("is not a size: write bytes as an integer, or with KiB, MiB or GiB, such as 16MiB")

// ParseSize reads what String writes, and a bare integer. MB is refused: it means 1,000,000 bytes to
// some and 1,048,576 to others.
func ParseSize(text string) (Size, error) {
	number, unit := text, Size(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return 0, errSize
	}
	return Size(n) * unit, nil
}

// String is the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range units[:len(units)-1] {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
