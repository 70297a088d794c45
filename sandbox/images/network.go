package images

import (
	"os"
	"strings"
)

// Proxies are this machine's proxies from the environment, under the lower-case names that
// every program reads. They are not part of an image's key.
func Proxies() map[string]string {
	found := map[string]string{}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		for _, variable := range []string{strings.ToUpper(name), name} {
			if value := os.Getenv(variable); value != "" {
				found[name] = value
			}
		}
	}
	return found
}

// HostCertificates are the certificate authorities that this machine trusts, in PEM.
func HostCertificates() []byte {
	for _, file := range []string{os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if text, err := os.ReadFile(file); err == nil {
			return text
		}
	}
	return nil
}
