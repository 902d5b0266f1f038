/*
 * Several tasks; the first error cancels the others, and all are awaited.
 *
 * EXPECT: none
 */
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"
)

type group struct {
	wait   sync.WaitGroup
	once   sync.Once
	cancel func()
	err    error
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

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	g := &group{cancel: cancel}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	g.run(func() error {
		select {
		case <-interrupts:
			return errors.New("interrupted")
		case <-ctx.Done():
			return nil
		}
	})
	g.run(func() error {
		<-ctx.Done()
		return nil
	})
	g.run(func() error {
		time.Sleep(5 * time.Millisecond)
		return errors.New("server failed")
	})
	g.wait.Wait()
	fmt.Println(g.err)
}
