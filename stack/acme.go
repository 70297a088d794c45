package stack

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"averazure/internal/settings"
)

// emails are addresses in their usual form.
var emails = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// isDirectory tells whether an edge could ask for certificates there: by https, or by
// http at a private address, for your own authority.
func isDirectory(server string) bool {
	read, err := url.Parse(server)
	if err != nil || read.Hostname() == "" || read.User != nil || strings.ContainsAny(server, "\"'{}") || strings.ContainsFunc(server, unicode.IsSpace) {
		return false
	}
	address, err := netip.ParseAddr(read.Hostname())
	return read.Scheme == "https" || read.Scheme == "http" && err == nil && address.IsPrivate()
}

// validateACME checks the settings with which the edge gets its certificates.
func (c Config) validateACME() []error {
	var problems []error
	if !isDirectory(c.ACMEServer) {
		problems = append(problems, settings.Problemf("acmeServer", "%q is not the address of an ACME directory; write it like %s (http is for private addresses only)", c.ACMEServer, Defaults().ACMEServer))
	}
	if c.ACMEEmail != "" && !emails.MatchString(c.ACMEEmail) {
		problems = append(problems, settings.Problemf("acmeEmail", "%q is not an e-mail address; leave it empty for none", c.ACMEEmail))
	}
	return problems
}
