package blobs

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// emulated is Azurite's only account, which has all containers.
	emulated = "devstoreaccount1"
	// audience is the audience of a token for storage.
	audience = "https://storage.azure.com"
	// version of the service's protocol for this package's own requests to Azurite
	version = "2021-12-02"
)

// Service checks requests and passes them on to Azurite.
type Service struct {
	// Table is the table's file.
	Table string
	// Azurite is the address of Azurite, https://….
	Azurite *url.URL
	// Client sends requests to Azurite.
	Client *http.Client
	// Now returns the time; nil is the real time.
	Now func() time.Time

	mu   sync.Mutex
	made map[string]bool // containers that exist in Azurite
}

// refusal is an error with Azure's code and status.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
type refusal struct {
	status int
	code   string
}

var (
	noToken      = refusal{http.StatusUnauthorized, "NoAuthenticationInformation"}
	wrongToken   = refusal{http.StatusUnauthorized, "InvalidAuthenticationInfo"}
	notAllowed   = refusal{http.StatusForbidden, "AuthorizationPermissionMismatch"}
	noContainer  = refusal{http.StatusNotFound, "ContainerNotFound"}
	noAccountKey = refusal{http.StatusForbidden, "KeyBasedAuthenticationNotPermitted"}
	broken       = refusal{http.StatusInternalServerError, "InternalError"}
)

func (r refusal) write(w http.ResponseWriter) {
	w.Header().Set("x-ms-error-code", r.code)
	w.Header().Set("Content-Type", "application/xml")
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=`+audience)
	}
	w.WriteHeader(r.status)
	body, _ := xml.Marshal(struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}{Code: r.code, Message: r.code})
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

// ServeHTTP checks a request and passes it on.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	box, rest, refused := s.judge(r)
	if refused != nil {
		refused.write(w)
		return
	}
	if err := s.ensure(r, box.Store); err != nil {
		log.Print(err)
		broken.write(w)
		return
	}
	proxy := &httputil.ReverseProxy{Transport: s.Client.Transport, ErrorLog: log.Default(), FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(s.Azurite)
			p.Out.URL.Path = "/" + emulated + "/" + box.Store + rest
			p.Out.URL.RawPath = ""
			p.Out.Host = s.Azurite.Host
		}}
	proxy.ServeHTTP(w, r)
}

// judge finds the container and path of a request, or refuses it.
func (s *Service) judge(r *http.Request) (*Container, string, *refusal) {
	principal, refused := s.principal(r.Header.Get("Authorization"))
	if refused != nil {
		return nil, "", refused
	}
	table, err := ReadTable(s.Table)
	if err != nil {
		log.Print(err)
		return nil, "", &broken
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	account, _ := strings.CutSuffix(strings.ToLower(host), "."+Domain)
	name, rest, inside := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	box := table.find(account, name)
	// Azure does not tell unauthorised clients what exists.
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case box == nil && !table.knows(principal):
		return nil, "", &notAllowed
	case box == nil:
		return nil, "", &noContainer
	case !box.allows(principal, reads):
		return nil, "", &notAllowed
	case !inside && !reads: // only the program creates and deletes containers
		return nil, "", &notAllowed
	}
	if inside {
		rest = "/" + rest
	}
	return box, rest, nil
}

// knows tells whether a principal has a role for any container.
func (t Table) knows(principal string) bool {
	for _, c := range t.Containers {
		if c.allows(principal, true) {
			return true
		}
	}
	return false
}

// principal is the object id in a token. The token's signature is not checked: anybody who
// reaches a VM's metadata service gets a token anyway.
func (s *Service) principal(header string) (string, *refusal) {
	kind, token, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return "", &noToken
	case strings.EqualFold(kind, "SharedKey"):
		return "", &noAccountKey
	case !strings.EqualFold(kind, "Bearer"):
		return "", &wrongToken
	}
	var claims struct {
		Audience string `json:"aud"`
		Object   string `json:"oid"`
		Expires  int64  `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", &wrongToken
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	if err != nil || strings.TrimSuffix(claims.Audience, "/") != audience || claims.Object == "" || now().Unix() >= claims.Expires {
		return "", &wrongToken
	}
	return claims.Object, nil
}

// ensure creates the container in Azurite if needed.
func (s *Service) ensure(r *http.Request, store string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made[store] {
		return nil
	}
	make, err := http.NewRequestWithContext(r.Context(), http.MethodPut, s.Azurite.JoinPath(emulated, store).String()+"?restype=container", nil)
	if err != nil {
		return err
	}
	make.Header.Set("Authorization", r.Header.Get("Authorization"))
	make.Header.Set("x-ms-version", version)
	answer, err := s.Client.Do(make)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated && answer.StatusCode != http.StatusConflict {
		return fmt.Errorf("create the container %s: Azurite answered %s %s", store, answer.Status, answer.Header.Get("x-ms-error-code"))
	}
	if s.made == nil {
		s.made = map[string]bool{}
	}
	s.made[store] = true
	return nil
}
