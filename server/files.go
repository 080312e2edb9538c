package server

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/labstack/echo/v4"
)

// pageFiles are the pages for people: docs, which shows the contract, and the playground. They
// are no templates of html/template: reached by any code, that has the linker keep every exported method of
// every library, a quarter of the binary.
//
//go:embed docs playground
var pageFiles embed.FS

// policy is what a page may do. Nothing comes from anywhere else, it cannot be put into another's frame, and no text
// becomes HTML.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// mediaTypes are those of the files; what the machine has for them is not asked.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".yaml": "application/yaml",
	".json": "application/json",
}

// addFiles serves a folder of pageFiles at the path of its name, with its index.html for the path itself.
// $title in that stands for the contract's.
func (s *Server) addFiles(folder, title string) error {
	return fs.WalkDir(pageFiles, folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Base(name) != "index.html" {
			s.addPage("/"+name, guarded(fileOf(name, body)))
			return nil
		}
		index := guarded(fileOf(name, bytes.ReplaceAll(body, []byte("$title"), []byte(html.EscapeString(title)))))
		s.addPage("/"+folder, index)
		s.addPage("/"+folder+"/", index)
		return nil
	})
}

func (s *Server) addPage(route string, page echo.HandlerFunc) {
	s.echo.GET(route, page)
	s.echo.HEAD(route, page)
}

// fileOf serves a file. Browsers keep it, and ask each time whether it is still the one.
func fileOf(name string, body []byte) echo.HandlerFunc {
	sum := sha256.Sum256(body)
	etag := fmt.Sprintf("%q", hex.EncodeToString(sum[:12]))
	kind := mediaTypes[path.Ext(name)]
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", etag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(body))
		return nil
	}
}

// guarded keeps a page to itself: what it loads, who frames it, who opened it, what links tell of it.
func guarded(page echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		return page(c)
	}
}
