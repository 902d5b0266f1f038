/*
 * Two servers report their end on one channel, which is read once: the other one can never tell.
 *
 * EXPECT: blocked @report channel [proved]
 * CFLAGS: testprogs/support/until.go
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
	done, stop := make(chan error), make(chan struct{})
	go func() {
		done <- serve("app", stop, true)
	}()
	go func() {
		done <- serve("debug", stop, false) /* @report */
	}()
	fmt.Println(<-done)
	close(stop)
	until(1, "chan send")
}
