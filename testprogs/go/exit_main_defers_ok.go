/*
 * The same where main has nothing to clean up: it only keeps the program alive.
 *
 * EXPECT: none
 * EXPECT: exit 1
 */
package main

import (
	"log"
	"time"
)

func check(saving <-chan bool) {
	<-saving
	time.Sleep(20 * time.Millisecond)
	log.Fatal("check failed")
}

func main() {
	saving := make(chan bool)
	go check(saving)
	saving <- true
	for i := 0; i < 1000; i++ {
		time.Sleep(time.Minute)
	}
}
