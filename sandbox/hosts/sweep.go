package hosts

import "context"

// sweep removes the unfinished work of killed runs from the cache.
func (r *Room) sweep(ctx context.Context) error {
	unlock, err := r.builder().Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.builder().RemoveUnfinished()
}
