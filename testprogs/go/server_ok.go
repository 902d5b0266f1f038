/*
 * An HTTP server that is told to stop, finishes what it has begun, and is waited for.
 *
 * EXPECT: none
 */
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	var clients sync.WaitGroup
	var lock sync.Mutex
	good := 0
	for n := 0; n < 20; n++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			response, err := client.Get("http://" + listener.Addr().String() + "/x")
			if err != nil {
				return
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			lock.Lock()
			if string(text) == "hello /x" {
				good++
			}
			lock.Unlock()
		}()
	}
	clients.Wait()
	if err := server.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(good, <-served == http.ErrServerClosed)
}
