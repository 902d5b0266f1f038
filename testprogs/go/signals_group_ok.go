/*
 * A group of tasks of which one waits for signals: the first to return, here because of a signal, stops all others, and all
 * are awaited.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

type group struct {
	wait   sync.WaitGroup
	once   sync.Once
	err    error
	cancel func()
}

func (g *group) run(task func() error) {
	g.wait.Add(1)
	go func() {
		defer g.wait.Done()
		if err := task(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel()
			})
		}
	}()
}

func serve(g *group, ctx context.Context, name string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	g.run(func() error { return server.Serve(listener) })
	g.run(func() error {
		<-ctx.Done()
		fmt.Println("stopping a server")
		return server.Shutdown(context.Background())
	})
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	g := &group{cancel: cancel}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	serve(g, ctx, "public")
	serve(g, ctx, "private")
	g.run(func() error {
		select {
		case s := <-signals:
			return fmt.Errorf("got %v", s)
		case <-ctx.Done():
			return nil
		}
	})
	syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
	g.wait.Wait()
	signal.Stop(signals)
	fmt.Println(g.err)
}
