/*
 * A request with a time-out: the caller gives up, and whoever fetches the answer can never hand it over.
 *
 * EXPECT: blocked @send channel [proved]
 * BARE: yes
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func fetch(ctx context.Context, asked <-chan bool) (string, error) {
	answer := make(chan string)
	go func() {
		<-asked
		answer <- "late" /* @send */
	}()
	select {
	case text := <-answer:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	asked := make(chan bool, 1)
	_, err := fetch(ctx, asked)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	asked <- true
	until(1, "chan send")
}
