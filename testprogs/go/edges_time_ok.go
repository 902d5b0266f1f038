/*
 * Timers, tickers and contexts order: who starts one is before what it does, who cancels before those who see it.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const moment = 2 * time.Millisecond

func afterFunc() int {
	shared, done := 1, make(chan int)
	time.AfterFunc(moment, func() { done <- shared })
	return <-done
}

/* Started again, and after the first time never again. */
func reset() int {
	shared, done := 0, make(chan int, 4)
	timer := time.AfterFunc(time.Hour, func() { done <- shared })
	shared = 2
	timer.Reset(moment)
	n := <-done
	if timer.Stop() {
		return -1
	}
	return n
}

func stopped() bool {
	shared := 0
	timer := time.AfterFunc(time.Hour, func() { shared = 3 })
	ended := timer.Stop()
	shared = 4
	return ended && shared == 4
}

func ticks() int {
	shared := 0
	ticker := time.NewTicker(moment)
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := 0; i < 3; i++ {
			<-ticker.C
			shared++
		}
	}()
	<-done
	ticker.Stop()
	select {
	case <-time.After(moment):
	case <-time.NewTimer(time.Hour).C:
	}
	return shared
}

/* Done is closed when the time is up; a child's with its parent's. */
func deadline() error {
	parent, cancel := context.WithDeadline(context.Background(), time.Now().Add(moment))
	defer cancel()
	child, cancelChild := context.WithCancel(context.WithValue(parent, "key", 1))
	defer cancelChild()
	<-child.Done()
	return child.Err()
}

func cancelled() int {
	shared, read := 0, make(chan int)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		timed, stop := context.WithTimeout(ctx, time.Hour)
		defer stop()
		<-timed.Done()
		read <- shared
	}()
	shared = 5
	cancel()
	return <-read
}

/* A signal ends the wait of a context, and of a channel. */
func signals() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer stop()
	channel := make(chan os.Signal, 1)
	signal.Notify(channel, syscall.SIGUSR1)
	defer signal.Stop(channel)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	<-ctx.Done()
	<-channel
	return ctx.Err()
}

func main() {
	fmt.Println(afterFunc(), reset(), stopped(), ticks(), cancelled())
	fmt.Println(errors.Is(deadline(), context.DeadlineExceeded), errors.Is(signals(), context.Canceled))
}
