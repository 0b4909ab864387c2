# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
produce_rust:
	movl	40(%rdi), %r9d
	leaq	-8(%r9), %rax
	cmpq	$8, %rax
	jb	.LBB1
	pushq	%rbx
	movzbl	44(%rdi), %r8d
	movq	(%rdi), %rcx
	movq	16(%rdi), %rdx
	cmpb	$1, %r8b
	jne	.LBB5
	movq	(%rdx), %r10
	jmp	.LBB6
.LBB1:
	xorl	%eax, %eax
	retq
.LBB5:
	movl	(%rdx), %r10d
.LBB6:
	movl	$4294967295, %edx
	#MEMBARRIER
	movzbl	44(%rdi), %r11d
	movq	%rcx, %rbx
	subq	%r10, %rbx
	negq	%r11
	orq	%rdx, %r11
	andq	%rbx, %r11
	subq	%r11, %r9
	setb	%r10b
	cmpq	$16, %r9
	setb	%r9b
	orb	%r10b, %r9b
	je	.LBB7
	movq	%rcx, (%rdi)
	xorl	%eax, %eax
	popq	%rbx
	retq
.LBB7:
	andq	%rcx, %rax
	movq	32(%rdi), %r9
	movl	$-2147483640, (%r9,%rax)
	movl	$0, 4(%r9,%rax)
	addq	$16, %rcx
	testb	%r8b, %r8b
	movq	$-1, %r8
	cmovneq	%r8, %rdx
	andq	%rcx, %rdx
	movq	24(%rdi), %r8
	cmpb	$1, 44(%rdi)
	jne	.LBB9
	movq	%rdx, (%r8)
	jmp	.LBB10
.LBB9:
	movl	%ecx, (%r8)
.LBB10:
	movq	%rdx, (%rdi)
	movq	32(%rdi), %rcx
	movq	%rsi, 8(%rcx,%rax)
	movq	32(%rdi), %rcx
	movl	$8, (%rcx,%rax)
	movb	$1, %al
	popq	%rbx
	retq
