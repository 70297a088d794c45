package infra

import (
	_ "embed"
	"strings"
	"text/template"
)

//go:embed cloudinit.yaml
var cloudInitText string

// cloudInitTemplate is a node's first boot. A change of it rebuilds every node,
// because Azure refuses to change a VM's custom data in place; what can be
// done later over SSH does not belong there (docs/decisions/0005).
var cloudInitTemplate = template.Must(template.New("cloud-init").
	Funcs(template.FuncMap{"indent": indent}).Option("missingkey=error").Parse(cloudInitText))

// bootData is what differs from node to node.
type bootData struct {
	Hostname       string
	HostKeyPrivate string // OpenSSH PEM block
	HostKeyPublic  string // authorized_keys form
}

// cloudInit renders a node's first boot.
func cloudInit(data bootData) (string, error) {
	data.HostKeyPrivate = strings.TrimSpace(data.HostKeyPrivate)
	data.HostKeyPublic = strings.TrimSpace(data.HostKeyPublic)
	var text strings.Builder
	if err := cloudInitTemplate.Execute(&text, data); err != nil {
		return "", err
	}
	return text.String(), nil
}

// indent moves every line but the first to the right.
func indent(spaces int, text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", spaces))
}
