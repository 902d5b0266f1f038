/*
 * main only keeps the program alive while a goroutine serves, which ends it.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	go func() {
		for n := 0; n < 3; n++ {
			time.Sleep(5 * time.Millisecond)
		}
		fmt.Println("served")
		os.Exit(0)
	}()
	select {}
}
