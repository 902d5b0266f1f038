/*
 * 200 clients at once: the server holds every answer back until all have asked. It is told to stop meanwhile, finishes what
 * it has begun, and is waited for.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

const clients = 200

type hall struct {
	lock    sync.Mutex
	names   map[string]bool
	full    chan struct{}
	answers int64
}

func (h *hall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.lock.Lock()
	h.names[r.URL.Query().Get("name")] = true
	if len(h.names) == clients {
		close(h.full)
	}
	h.lock.Unlock()
	select {
	case <-h.full:
		atomic.AddInt64(&h.answers, 1)
		fmt.Fprintf(w, "hello %s", r.URL.Query().Get("name"))
	case <-r.Context().Done():
	}
}

func ask(client *http.Client, address, name string) error {
	response, err := client.Get("http://" + address + "/?name=" + name)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && string(text) != "hello "+name {
		err = fmt.Errorf("%q for %s", text, name)
	}
	return err
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	h := &hall{names: map[string]bool{}, full: make(chan struct{})}
	server := &http.Server{Handler: h}
	served, stopped := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	go func() {
		<-h.full
		stopped <- server.Shutdown(context.Background())
	}()

	client := &http.Client{}
	defer client.CloseIdleConnections()
	failures := make(chan error, clients)
	var group sync.WaitGroup
	for n := 0; n < clients; n++ {
		group.Add(1)
		go func(name string) {
			defer group.Done()
			if err := ask(client, listener.Addr().String(), name); err != nil {
				failures <- err
			}
		}(fmt.Sprint("client", n))
	}
	group.Wait()
	fmt.Println(<-stopped, <-served == http.ErrServerClosed, h.answers, len(failures))
}
