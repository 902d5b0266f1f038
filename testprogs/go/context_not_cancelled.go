/*
 * A watcher waits for a context whose cancel function is thrown away.
 *
 * EXPECT: blocked @wait channel [proved]
 * CFLAGS: testprogs/support/until.go
 */
package main

import (
	"context"
	"fmt"
)

func watch(ctx context.Context) {
	go func() {
		<-ctx.Done() /* @wait */
		fmt.Println("cleaned up")
	}()
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	watch(ctx)
	until(1, "chan receive")
}
