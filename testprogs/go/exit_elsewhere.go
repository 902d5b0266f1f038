/*
 * A goroutine gives up by log.Fatal while another one is in the midst of something, whose deferred clean-up is then not done.
 *
 * EXPECT: ending @exit main.main..func2 [suspected]
 * EXPECT: exit 1
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"log"
	"sync"
	"time"
)

func main() {
	var wait sync.WaitGroup
	written := make(chan bool)
	wait.Add(2)
	go func() {
		defer wait.Done()
		defer fmt.Println("temporary file removed")
		written <- true
		time.Sleep(time.Minute)
	}()
	go func() {
		defer wait.Done()
		<-written
		until(1, "sleep")
		log.Fatal("no configuration") /* @exit */
	}()
	wait.Wait()
}
