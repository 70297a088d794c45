package release

import "context"

// standBy waits until this is a manager of a Swarm: the agent is installed before the
// node joins, and may start before Docker does.
func (d *Reader) standBy(ctx context.Context, alive func()) bool {
	said := ""
	for {
		alive()
		err := d.know(ctx)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case err.Error() != said:
			said = err.Error()
			d.say("agent: waiting: %s", said)
		}
		if d.sleep(ctx, d.Settings.Tell) != nil {
			return false
		}
	}
}
