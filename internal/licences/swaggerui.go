package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ui is Swagger UI as it is in the binary: a bundle of many packages, of which only those who made it can tell.
type ui struct {
	Version  string
	Lock     string            // the sum (SHA-256) of the package-lock.json by which they were installed
	Files    map[string]string // those of the files that were looked at, unpacked
	Packages []part
}

//go:embed swaggerui.json
var known []byte

//go:embed npm/package-lock.json
var lock []byte

// static has Swagger UI in it, of the module swgui.
const static = "github.com/swaggest/swgui/v5/static"

// swaggerUI is what is known of the one that is linked, where it is the same.
func swaggerUI(modules []part) (ui ui, err error) {
	if err := json.Unmarshal(known, &ui); err != nil {
		return ui, fmt.Errorf("swaggerui.json: %w", err)
	}
	if !slices.ContainsFunc(modules, func(m part) bool { return strings.HasPrefix(static, m.Name+"/") }) {
		return ui, fmt.Errorf("%s is not linked: take away what tells of it", static)
	}
	sums, err := embedded()
	if err == nil && sum(lock) != ui.Lock {
		err = errors.New("swaggerui.json is of another package-lock.json: run make licences-npm")
	} else if err == nil && !maps.Equal(sums, ui.Files) {
		err = fmt.Errorf("%s has another Swagger UI than %s: run make licences-npm", static, ui.Version)
	}
	return ui, err
}

// embedded are the sums of the files of Swagger UI that come into the binary.
func embedded() (map[string]string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", static).Output() //nolint:noctx // it takes no time
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.gz"))
	sums := map[string]string{}
	for _, file := range files {
		packed, err := os.ReadFile(file) //nolint:gosec // of the module cache
		if err != nil {
			return nil, err
		}
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		body, err := io.ReadAll(reader)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		sums[strings.TrimSuffix(filepath.Base(file), ".gz")] = sum(body)
	}
	return sums, err
}

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

// writeSwaggerUI writes swaggerui.json, of a node_modules that has swagger-ui-dist and what that was bundled of:
// its source maps tell the packages.
func writeSwaggerUI(node, to string) error {
	sums, err := embedded()
	if err != nil {
		return err
	}
	dist := filepath.Join(node, "swagger-ui-dist")
	names := map[string]bool{"swagger-ui-dist": true}
	for file, want := range sums {
		body, err := os.ReadFile(filepath.Join(dist, file)) //nolint:gosec // what npm has installed
		if err != nil || sum(body) != want {
			return fmt.Errorf("%s is not the one that is linked (%w): change the version in npm/package.json", file, err)
		}
		if err := bundled(filepath.Join(dist, file+".map"), names); err != nil {
			return err
		}
	}
	self, err := manifest(dist)
	if err != nil {
		return err
	}
	found := ui{Version: self.Version, Lock: sum(lock), Files: sums}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, err := installed(node, name)
		if err != nil {
			return err
		}
		found.Packages = append(found.Packages, p)
	}
	out, err := json.MarshalIndent(found, "", "\t")
	if err != nil {
		return err
	}
	return write(to, string(out)+"\n")
}

var aPackage = regexp.MustCompile(`node_modules/((?:@[^/]+/)?[^/]+)/`)

// bundled adds the packages whose files a bundle is made of; a file of one's own has no map.
func bundled(file string, names map[string]bool) error {
	body, err := os.ReadFile(file) //nolint:gosec // what npm has installed
	if os.IsNotExist(err) {
		return nil
	}
	var m struct{ Sources []string }
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, source := range m.Sources {
		if found := aPackage.FindAllStringSubmatch(source, -1); found != nil {
			names[found[len(found)-1][1]] = true
		}
	}
	return nil
}
