/*
 * Tests that clean up; also with subtests at the same time, a server, a helper that they share, and clean-up functions.
 *
 * MODE: gotest
 * EXPECT: none
 */
package clean

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

var once sync.Once
var requests = make(chan int)

func helper() {
	once.Do(func() {
		go func() {
			for i := 0; i < 3; i++ {
				requests <- i
			}
		}()
	})
}

func TestServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
	}))
	t.Cleanup(server.Close)
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			helper()
			<-requests
			response, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for i := 0; i < 4; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			<-ctx.Done()
		}()
	}
	cancel()
	wait.Wait()
}
