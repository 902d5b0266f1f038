/*
 * main saves something now and then, and removes a file when it is done; another goroutine calls log.Fatal meanwhile.
 *
 * EXPECT: ending @exit main.check [suspected]
 * EXPECT: exit 1
 */
package main

import (
	"fmt"
	"log"
	"time"
)

func check(saving <-chan bool) {
	<-saving
	time.Sleep(20 * time.Millisecond)
	log.Fatal("check failed") /* @exit */
}

func main() {
	defer fmt.Println("file removed")
	saving := make(chan bool)
	go check(saving)
	saving <- true
	for i := 0; i < 1000; i++ {
		time.Sleep(time.Minute)
	}
}
