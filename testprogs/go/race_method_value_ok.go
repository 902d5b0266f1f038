/*
 * Methods of embedded fields, of receivers of eight bytes and less: by interface, and as method values. Each reads the
 * embedded field alone, though gccgo copies the whole receiver, and other fields are written meanwhile, under a lock.
 *
 * EXPECT: none
 * MODE: gorace
 */
package main

import (
	"fmt"
	"sync"
)

type getter interface{ Get() int32 }

type level int32

func (l level) Get() int32 { return int32(l) }

type gauge struct {
	level
	count int32
}

type mark_of uint8

func (m mark_of) Get_mark() int32 { return int32(m) }
func (m mark_of) Get() int32      { return int32(m) }

type tiny struct {
	mark_of
	flag bool
}

type inner struct{ a, b int32 }

func (i *inner) Get() int32 { return i.a }

type outer struct{ *inner }

func main() {
	var lock sync.Mutex
	g, t, o := &gauge{level: 3}, &tiny{mark_of: 4}, &outer{&inner{a: 5}}
	all := []getter{g, t, o}
	begin := make(chan bool)
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		defer group.Done()
		<-begin
		for i := 0; i < 50; i++ {
			lock.Lock()
			g.count++
			t.flag = !t.flag
			o.b++
			lock.Unlock()
		}
	}()
	sum := int32(0)
	go func() {
		defer group.Done()
		<-begin
		for i := 0; i < 50; i++ {
			for _, x := range all {
				sum += x.Get()
			}
			f := g.Get
			h := t.Get_mark
			sum += f() + h() + o.Get()
		}
	}()
	close(begin)
	group.Wait()
	fmt.Println(sum, g.count)
}
