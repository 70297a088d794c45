// Command acme is the authority from which the sandbox's edge gets its certificates:
// Pebble, the test server of the makers of Let's Encrypt. It validates as Let's Encrypt
// does, by connecting to ports 80 and 443 of the requested name.
//
// Pebble forgets everything when it ends. Here the signing key and the accounts are kept in
// a directory, so a browser needs the root only once, and an edge finds its account again.
package main

import (
	"cmp"
	"flag"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	dir := flag.String("dir", "/var/lib/acme", "directory of issuer.crt, issuer.key, root.crt and the accounts")
	listen := flag.String("listen", ":80", "address and port of the directory")
	names := flag.String("names", "", "address and port of a name server that answers over TCP; the system's, if empty")
	flag.Parse()
	handler, err := serve(*dir, *names, 80, 443)
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// predictable are settings that switch off what Pebble does at random to annoy clients: it
// refuses good nonces, sleeps before it validates, and skips names that it validated
// before.
var predictable = map[string]string{
	"PEBBLE_WFE_NONCEREJECT": "0",
	"PEBBLE_VA_NOSLEEP":      "1",
	"PEBBLE_AUTHZREUSE":      "0",
}

// serve makes the authority, which validates at the two ports.
func serve(dir, names string, httpPort, tlsPort int) (http.Handler, error) {
	for name, value := range predictable {
		if err := os.Setenv(name, cmp.Or(os.Getenv(name), value)); err != nil {
			return nil, err
		}
	}
	store := db.NewMemoryStore()
	accounts := accounts{file: dir + "/accounts.json", store: store}
	if err := accounts.restore(); err != nil {
		return nil, err
	}
	authority := ca.New(log.Default(), store, "", "rsa", 0, 1, map[string]ca.Profile{
		"default": {Description: "as Let's Encrypt's", ValidityPeriod: 90 * 24 * 3600},
	})
	if err := takeIssuer(authority, dir); err != nil {
		return nil, err
	}
	validation := va.New(log.Default(), httpPort, tlsPort, false, names, store)
	// With the two zeros Pebble sends no Retry-After header. Otherwise it would choose the
	// header's form at random, and old clients cannot read one of the forms.
	front := wfe.New(log.Default(), store, validation, authority, []string{"sandbox.invalid"}, false, false, 0, 0)
	return accounts.watch(unhurried(front.Handler())), nil
}

// orderTime is the shortest time that an order takes at Let's Encrypt. Without it the
// authority would check a new edge before Swarm has found it healthy and sends it requests,
// and the edge tries again only after a minute.
var orderTime = 2 * time.Second

func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			select {
			case <-r.Context().Done():
			case <-time.After(orderTime):
			}
		}
		next.ServeHTTP(w, r)
	})
}
