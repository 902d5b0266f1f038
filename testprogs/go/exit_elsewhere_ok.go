/*
 * The error goes to main, which tells the others to stop, waits for them, and ends the program.
 *
 * EXPECT: none
 * EXPECT: exit 1
 */
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

func main() {
	var wait sync.WaitGroup
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	wait.Add(2)
	go func() {
		defer wait.Done()
		defer fmt.Println("temporary file removed")
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
	}()
	go func() {
		defer wait.Done()
		failed <- errors.New("no configuration")
	}()
	err := <-failed
	cancel()
	wait.Wait()
	fmt.Println(err)
	os.Exit(1)
}
