# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
produce_rust:
	movl	40(%rdi), %ecx
	movl	%ecx, %eax
	andl	$-8, %eax
	cmpl	$8, %eax
	je	.LBB1
	movq	16(%rdi), %rax
	cmpb	$1, 44(%rdi)
	jne	.LBB5
	movq	(%rax), %rdx
	jmp	.LBB6
.LBB5:
	movl	(%rax), %edx
.LBB6:
	#MEMBARRIER
	movq	(%rdi), %rax
	movzbl	44(%rdi), %r8d
	movq	%rax, %r9
	subq	%rdx, %r9
	negq	%r8
	movl	$4294967295, %edx
	orq	%r8, %rdx
	andq	%rdx, %r9
	subq	%r9, %rcx
	setb	%r8b
	cmpq	$16, %rcx
	setb	%cl
	orb	%r8b, %cl
	je	.LBB7
.LBB1:
	xorl	%eax, %eax
	retq
.LBB7:
	movl	40(%rdi), %ecx
	addq	$-8, %rcx
	andq	%rax, %rcx
	movq	32(%rdi), %r8
	movl	$-2147483640, (%r8,%rcx)
	movl	$0, 4(%r8,%rcx)
	addq	$16, %rax
	andq	%rax, %rdx
	movq	%rdx, (%rdi)
	movq	24(%rdi), %r8
	cmpb	$1, 44(%rdi)
	jne	.LBB9
	movq	%rdx, (%r8)
	jmp	.LBB10
.LBB9:
	movl	%eax, (%r8)
.LBB10:
	movq	32(%rdi), %rax
	movq	%rsi, 8(%rax,%rcx)
	movq	32(%rdi), %rax
	movl	$8, (%rax,%rcx)
	movb	$1, %al
	retq
