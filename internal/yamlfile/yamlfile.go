// Package yamlfile reads the one document of a YAML file, and finds the line of what is wrong with it.
// It knows nothing of what the document says.
package yamlfile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Root is the root of the only document in data; nil where there is nothing in it. line is that of the
// error, counted from 1; 0 where nobody knows it.
func Root(data []byte) (root *yaml.Node, line int, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, 0, nil
	} else if err != nil {
		return unreadable(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, second.Line, errors.New("this is not YAML: a second document begins here: a file holds one")
	} else if !errors.Is(err, io.EOF) {
		return unreadable(err)
	}
	return first.Content[0], 0, nil
}

var place = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// unreadable is no document, for a reason in the library's words. It counts lines from 0 in what its parser
// found, and from 1 in all else; it leaves a 0 out.
func unreadable(reason error) (root *yaml.Node, line int, err error) {
	found := place.FindStringSubmatch(reason.Error())
	message := strings.TrimPrefix(reason.Error(), found[0])
	line, _ = strconv.Atoi(found[1]) // 0 where there is none
	if strings.HasPrefix(message, "did not find expected") {
		line++
	}
	return nil, line, errors.New("this is not YAML: " + message)
}
