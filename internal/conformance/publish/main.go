// Command publish writes into a page of the documentation, its first argument, the list of the cases. With
// further arguments, each NAME=FILE of a report in JSON, it writes their scorecards into it instead.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/conformance"
)

func main() {
	if err := publish(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func publish(file string, reports []string) error {
	suite, err := conformance.New(gen.Spec)
	if err != nil {
		return err
	}
	name, content := "cases", suite.List()
	if len(reports) > 0 {
		scores, err := read(reports)
		if err != nil {
			return err
		}
		name, content = "scorecards", conformance.Scorecards(scores)
	}
	page, err := os.ReadFile(file) //nolint:gosec // whoever runs it says which
	if err != nil {
		return err
	}
	if page, err = conformance.Fill(page, name, content); err != nil {
		return err
	}
	return os.WriteFile(file, page, 0o644) //nolint:gosec // public documentation
}

func read(reports []string) ([]conformance.Score, error) {
	scores := make([]conformance.Score, len(reports))
	for i, report := range reports {
		name, file, _ := strings.Cut(report, "=")
		text, err := os.ReadFile(file) //nolint:gosec // whoever runs it says which
		if err != nil {
			return nil, err
		}
		scores[i].Name = name
		if err := json.Unmarshal(text, &scores[i].Document); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return scores, nil
}
