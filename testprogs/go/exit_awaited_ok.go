/*
 * main waits for a goroutine that ends the program itself when it is done: nobody is left behind.
 *
 * EXPECT: none
 */
package main

import (
	"fmt"
	"os"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	done := make(chan bool)
	wait.Add(1)
	go func() {
		defer wait.Done()
		fmt.Println("served")
		os.Exit(0)
		close(done)
	}()
	wait.Wait()
	<-done
}
