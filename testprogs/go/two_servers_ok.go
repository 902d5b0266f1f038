/*
 * Each server has room for its report, and all are awaited.
 *
 * EXPECT: none
 */
package main

import (
	"errors"
	"fmt"
)

func serve(name string, stop <-chan struct{}, fail bool) error {
	if fail {
		return errors.New(name + " failed")
	}
	<-stop
	return errors.New(name + " stopped")
}

func main() {
	done, stop := make(chan error, 2), make(chan struct{})
	go func() {
		done <- serve("app", stop, true)
	}()
	go func() {
		done <- serve("debug", stop, false)
	}()
	stopped := false
	for n := 0; n < cap(done); n++ {
		fmt.Println(<-done)
		if !stopped {
			stopped = true
			close(stop)
		}
	}
}
