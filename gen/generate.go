// Package gen is what openapi.yaml generates: the types, the strict Echo server and the copy of the
// file that the binary embeds; gen/client is the Go client. Nothing in it is edited but this file and
// the generators' settings, and it knows nothing else of the module.
package gen

import _ "embed"

//go:generate cp ../openapi.yaml openapi.yaml
//go:generate go tool oapi-codegen -config server.cfg.yaml ../openapi.yaml
//go:generate go tool oapi-codegen -config client.cfg.yaml ../openapi.yaml

// Spec is openapi.yaml, byte for byte.
//
//go:embed openapi.yaml
var Spec []byte
