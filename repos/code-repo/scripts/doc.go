// Package scripts holds what the pipeline does beyond checkout and login, so
// that it runs and is tested outside GitHub too.
package scripts
