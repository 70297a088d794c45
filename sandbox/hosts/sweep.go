package hosts

import "context"

// sweep removes what killed runs left unfinished in the cache.
func (r *Room) sweep(ctx context.Context) error {
	unlock, err := r.builder().Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.builder().RemoveUnfinished()
}
