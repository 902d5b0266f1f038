/*
 * The context has a deadline: that ends the wait, if not before the program.
 *
 * EXPECT: none
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"context"
	"fmt"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	_ = cancel
	go func() {
		<-ctx.Done()
		fmt.Println("cleaned up")
	}()
	go func() {
		<-time.After(time.Hour)
	}()
	go func() {
		for range time.NewTicker(time.Hour).C {
			fmt.Println("tick")
		}
	}()
	until(3, "chan receive")
}
