package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// broker holds one connection to RabbitMQ. It connects when the connection is first needed,
// and again when it has broken, so that the API starts without waiting for RabbitMQ.
type broker struct {
	url        string
	mu         sync.Mutex
	connection *amqp.Connection
}

func newBroker(url string) *broker { return &broker{url: url} }

// roundTrip publishes body to its own queue and returns what it receives from there, within
// the deadline of ctx. The library would wait for a frozen broker until the heartbeat gives
// up, half a minute later. Closing the connection is left to the heartbeat, since other
// requests use it too.
func (b *broker) roundTrip(ctx context.Context, body string) (string, error) {
	type answer struct {
		body string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		got, err := b.throughQueue(ctx, body)
		done <- answer{got, err}
	}()
	select {
	case a := <-done:
		return a.body, a.err
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the broker: %w", ctx.Err())
	}
}

func (b *broker) throughQueue(ctx context.Context, body string) (string, error) {
	connection, err := b.connect(ctx)
	if err != nil {
		return "", err
	}
	channel, err := connection.Channel()
	if err != nil {
		return "", fmt.Errorf("open channel: %w", err)
	}
	defer channel.Close()
	// The server names the queue, this connection owns it, and it goes away
	// with its consumer: nothing is left behind by a request that is cut off.
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return "", fmt.Errorf("declare queue: %w", err)
	}
	deliveries, err := channel.ConsumeWithContext(ctx, queue.Name, "", true, true, false, false, nil)
	if err != nil {
		return "", fmt.Errorf("consume from %s: %w", queue.Name, err)
	}
	err = channel.PublishWithContext(ctx, "", queue.Name, true, false, amqp.Publishing{
		ContentType: "text/plain", Timestamp: time.Now(), Body: []byte(body),
	})
	if err != nil {
		return "", fmt.Errorf("publish to %s: %w", queue.Name, err)
	}
	select {
	case delivery, open := <-deliveries:
		if !open {
			return "", errors.New("the broker closed the channel before the message came back")
		}
		return string(delivery.Body), nil
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the message: %w", ctx.Err())
	}
}

// connect returns the connection, dialling when there is none that works.
func (b *broker) connect(ctx context.Context) (*amqp.Connection, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connection != nil && !b.connection.IsClosed() {
		return b.connection, nil
	}
	connection, err := amqp.DialConfig(b.url, amqp.Config{
		Heartbeat: 10 * time.Second,
		Dial: func(network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			// The deadline includes the handshake; the library removes it afterwards.
			if deadline, ok := ctx.Deadline(); ok {
				err = conn.SetDeadline(deadline)
			}
			return conn, err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	b.connection = connection
	return connection, nil
}

// close closes the connection properly, but does not wait for a broker that has frozen.
func (b *broker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connection != nil {
		b.connection.CloseDeadline(time.Now().Add(time.Second))
	}
}
