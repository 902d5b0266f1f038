/*
 * Stop does not close a ticker's channel: who ranges over it waits for ever.
 *
 * EXPECT: blocked @tick channel [proved]
 * REPORT: receives from the channel of a timer that sends no more
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"fmt"
	"time"
)

func main() {
	ticker := time.NewTicker(time.Hour)
	go func() {
		for range ticker.C { /* @tick */
			fmt.Println("tick")
		}
	}()
	until(1, "chan receive")
	ticker.Stop()
}
