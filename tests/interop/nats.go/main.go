// SPDX-License-Identifier: Apache-2.0

// The steps of ../README.md with nats.go, the Go client.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const wait = 10 * time.Second

var nc *nats.Conn
var closed = make(chan struct{})
var staying bool

func connect(url string, args []string) error {
	flags := flag.NewFlagSet("interop", flag.ExitOnError)
	ca := flags.String("ca", "", "")
	cert := flags.String("cert", "", "")
	key := flags.String("key", "", "")
	nkey := flags.String("nkey", "", "")
	first := flags.Bool("tls-first", false, "")
	flags.BoolVar(&staying, "stay", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := []nats.Option{nats.Timeout(wait), nats.DrainTimeout(wait),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) })}
	if staying {
		options = append(options, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
			nats.ReconnectJitter(0, 0), nats.IgnoreAuthErrorAbort(), nats.ReconnectHandler(again))
	} else {
		options = append(options, nats.NoReconnect())
	}
	if *ca != "" {
		options = append(options, nats.RootCAs(*ca))
	}
	if *cert != "" {
		options = append(options, nats.ClientCert(*cert, *key))
	}
	if *nkey != "" {
		signer, err := nats.NkeyOptionFromSeed(*nkey)
		if err != nil {
			return err
		}
		options = append(options, signer)
	}
	if *first {
		options = append(options, nats.TLSHandshakeFirst())
	}
	var err error
	if nc, err = nats.Connect(url, options...); err != nil {
		return err
	}
	return nc.FlushTimeout(wait)
}

func again(c *nats.Conn) {
	if c.FlushTimeout(wait) == nil {
		fmt.Println("ok again")
	}
}

// stay reconnects whenever it is disconnected, and tells, until the text "end" comes.
func stay() error {
	ended := make(chan struct{})
	_, err := nc.Subscribe("interop.stay", func(m *nats.Msg) {
		fmt.Printf("ok message %s\n", m.Data)
		if string(m.Data) == "end" {
			close(ended)
		}
	})
	if err != nil {
		return err
	}
	if err = nc.FlushTimeout(wait); err != nil {
		return err
	}
	fmt.Println("ok up")
	select {
	case <-ended:
	case <-closed:
		return fmt.Errorf("closed: %v", nc.LastError())
	}
	if err = nc.Drain(); err != nil {
		return err
	}
	<-closed
	return nil
}

// subscribe gives a subscription whose messages are asked for one by one.
func subscribe(subject string) *nats.Subscription {
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		panic(err)
	}
	return sub
}

func pubsub() error {
	sub := subscribe("interop.a.*")
	defer sub.Unsubscribe()
	nc.Publish("interop.a.one", []byte("hello"))
	msg, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	if msg.Subject != "interop.a.one" || string(msg.Data) != "hello" {
		return errors.New("other subject or payload")
	}
	return nil
}

func headers() error {
	sub := subscribe("interop.h")
	defer sub.Unsubscribe()
	out := nats.NewMsg("interop.h")
	out.Header.Add("X-Interop", "one")
	out.Header.Add("X-Interop", "two")
	nc.PublishMsg(out)
	msg, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(msg.Header.Values("X-Interop"), []string{"one", "two"}) {
		return fmt.Errorf("header values %v", msg.Header)
	}
	if len(msg.Data) != 0 {
		return errors.New("a payload from nowhere")
	}
	return nil
}

func request() error {
	service, err := nc.Subscribe("interop.service", func(m *nats.Msg) { m.Respond([]byte("answer")) })
	if err != nil {
		return err
	}
	defer service.Unsubscribe()
	reply, err := nc.Request("interop.service", []byte("question"), wait)
	if err != nil {
		return err
	}
	if string(reply.Data) != "answer" {
		return errors.New("other answer")
	}
	return nil
}

func noResponders() error {
	if _, err := nc.Request("interop.nobody", nil, wait); !errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("other outcome: %v", err)
	}
	return nil
}

func queue() error {
	one, _ := nc.QueueSubscribeSync("interop.q", "workers")
	two, _ := nc.QueueSubscribeSync("interop.q", "workers")
	all := subscribe("interop.q")
	defer one.Unsubscribe()
	defer two.Unsubscribe()
	defer all.Unsubscribe()
	for i := 0; i < 20; i++ {
		nc.Publish("interop.q", []byte("work"))
	}
	if err := nc.FlushTimeout(wait); err != nil {
		return err
	}
	a, _, _ := one.Pending()
	b, _, _ := two.Pending()
	c, _, _ := all.Pending()
	if a+b != 20 || c != 20 {
		return fmt.Errorf("counts %d %d %d", a, b, c)
	}
	return nil
}

func unsubscribe() error {
	sub := subscribe("interop.u")
	if err := sub.AutoUnsubscribe(3); err != nil {
		return err
	}
	for i := 0; i < 5; i++ {
		nc.Publish("interop.u", nil)
	}
	if err := nc.FlushTimeout(wait); err != nil {
		return err
	}
	for i := 0; i < 3; i++ {
		if _, err := sub.NextMsg(wait); err != nil {
			return err
		}
	}
	if _, err := sub.NextMsg(wait); !errors.Is(err, nats.ErrMaxMessages) && !errors.Is(err, nats.ErrBadSubscription) {
		return fmt.Errorf("a fourth message or %v", err)
	}
	return nil
}

func large() error {
	data := make([]byte, 900000)
	for i := range data {
		data[i] = byte(i * 31 % 251)
	}
	sub := subscribe("interop.large")
	defer sub.Unsubscribe()
	nc.Publish("interop.large", data)
	msg, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	if !bytes.Equal(msg.Data, data) {
		return errors.New("changed on the way")
	}
	return nil
}

func burst() error {
	sub := subscribe("interop.burst")
	defer sub.Unsubscribe()
	for i := 0; i < 10000; i++ {
		nc.Publish("interop.burst", []byte(strconv.Itoa(i)))
	}
	for i := 0; i < 10000; i++ {
		msg, err := sub.NextMsg(wait)
		if err != nil {
			return err
		}
		if string(msg.Data) != strconv.Itoa(i) {
			return fmt.Errorf("message %d out of order", i)
		}
	}
	return nil
}

func drain() error {
	var got atomic.Int64
	nc.Subscribe("interop.drain", func(*nats.Msg) { got.Add(1) })
	for i := 0; i < 100; i++ {
		nc.Publish("interop.drain", nil)
	}
	if err := nc.Drain(); err != nil {
		return err
	}
	select {
	case <-closed:
	case <-time.After(wait):
		return errors.New("never closed")
	}
	if got.Load() != 100 {
		return fmt.Errorf("%d of 100 messages", got.Load())
	}
	return nil
}

type step struct {
	name string
	run  func() error
}

func walk(steps []step) {
	for _, step := range steps {
		if err := step.run(); err != nil {
			fmt.Printf("not ok %s: %v\n", step.name, err)
			os.Exit(1)
		}
		if !staying {
			fmt.Printf("ok %s\n", step.name)
		}
	}
}

func main() {
	walk([]step{{"connect", func() error { return connect(os.Args[1], os.Args[2:]) }}})
	if staying {
		walk([]step{{"stay", stay}})
		return
	}
	walk([]step{
		{"pubsub", pubsub}, {"headers", headers}, {"request", request},
		{"no_responders", noResponders}, {"queue", queue}, {"unsubscribe", unsubscribe},
		{"large", large}, {"burst", burst}, {"drain", drain},
	})
}
