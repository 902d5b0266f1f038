/*
 * The context is cancelled on every way out, and main waits for the watcher to clean up.
 *
 * EXPECT: none
 * MODE: go gorace
 */
package main

import (
	"context"
	"fmt"
)

func watch(ctx context.Context, cleaned chan<- bool) {
	<-ctx.Done()
	cleaned <- true
}

func serve(cleaned chan<- bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go watch(ctx, cleaned)
}

func main() {
	cleaned := make(chan bool)
	serve(cleaned)
	fmt.Println(<-cleaned)
}
