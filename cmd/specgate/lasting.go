package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lasting is a time that a flag gives, in days of 24 hours or as Go writes it. It is not negative.
type lasting time.Duration

func (s *lasting) String() string { return time.Duration(*s).String() }
func (s *lasting) Type() string   { return "duration" }

func (s *lasting) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); n > 366*maxYears {
			return fmt.Errorf("it must be at most %d years", maxYears)
		}
		d = time.Duration(n) * 24 * time.Hour
	}
	switch {
	case err != nil:
		return errors.New("it must be a time, such as 7d, 24h or 30m")
	case d < 0:
		return errors.New("it must not be negative")
	}
	*s = lasting(d)
	return nil
}
