package names

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reserved are words that Azure refuses in names with a public endpoint, from
// "Resolve errors for reserved resource names". A name must not begin with
// login either.
var reserved = []string{"microsoft", "windows", "xbox"}

// reservedAlone are reserved words that must not be a whole name. Only a name that the user
// chose can be one of them.
var reservedAlone = strings.Fields(`access azure bing bizspark biztalk cortana directx dotnet dynamics excel exchange
	forefront groove hololens hyperv kinect lync msdn o365 office office365 onedrive onenote outlook powerpoint
	sharepoint skype visio visualstudio`)

// labelPattern is what Azure accepts as a DNS label.
var labelPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{1,61}[a-z0-9]$`)

// CheckLabel says why Azure would refuse a DNS label; nil if it would not.
func CheckLabel(label string) error {
	if !labelPattern.MatchString(label) {
		return fmt.Errorf("%q: Azure accepts 3 to 63 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen", label)
	}
	return checkReserved(label)
}

// checkReserved refuses words that Azure reserves.
func checkReserved(name string) error {
	lower := strings.ToLower(name)
	for _, word := range reserved {
		if strings.Contains(lower, word) {
			return fmt.Errorf("%q contains %q, a word that Azure reserves", name, word)
		}
	}
	if slices.Contains(reservedAlone, lower) {
		return fmt.Errorf("%q is a word that Azure reserves", name)
	}
	if strings.HasPrefix(lower, "login") {
		return fmt.Errorf("%q begins with \"login\", a word that Azure reserves", name)
	}
	return nil
}
