/*
 * A ticker's loop is told to end by a channel of its own, since Stop does not close the ticker's.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"time"
)

func main() {
	ticker := time.NewTicker(time.Millisecond)
	ticked, done, ended := make(chan bool, 1), make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				select {
				case ticked <- true:
				default:
				}
			case <-done:
				return
			}
		}
	}()
	<-ticked
	ticker.Stop()
	close(done)
	<-ended
	fmt.Println("done")
}
