# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
drain_rust:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	subq	$56, %rsp
	movq	%rdi, %rbx
	movq	112(%rdi), %r14
	movq	120(%rdi), %rax
	movq	168(%rdi), %rcx
	movdqu	128(%rdi), %xmm0
	movdqu	%xmm0, 40(%rdi)
	movq	144(%rdi), %rdx
	movq	%rdx, 56(%rdi)
	cmpq	$1073741824, %rcx
	movl	$1073741824, %edx
	cmovbq	%rcx, %rdx
	movq	%rax, 64(%rdi)
	movq	%rdx, 32(%rdi)
	movq	$0, 72(%rdi)
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, 80(%rdi)
	movl	208(%rdi), %ebp
	addq	$-8, %rbp
	xorl	%r15d, %r15d
	movq	on_sample@GOTPCREL(%rip), %r12
	xorl	%ecx, %ecx
	jmp	.LBB1
.LBB2:
	movq	%r14, %rdi
	andq	%rbp, %rdi
	movq	200(%rbx), %rax
	movl	(%rax,%rdi), %esi
	#MEMBARRIER
	leaq	15(%rsi), %rax
	andq	$-8, %rax
	movq	%rcx, %r13
	subq	%rax, %r13
	jae	.LBB11
	testl	%esi, %esi
	js	.LBB7
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %rcx
	jb	.LBB7
	incq	72(%rbx)
	addq	%rsi, %r14
	subq	%rsi, %rcx
	jne	.LBB2
	jmp	.LBB6
.LBB11:
	addq	%rax, %r14
.LBB9:
	addq	200(%rbx), %rdi
	incq	%r15
	addq	$8, %rdi
	callq	*%r12
	movq	%r13, %rcx
.LBB1:
	testq	%rcx, %rcx
	jne	.LBB2
.LBB6:
	xorl	%ecx, %ecx
.LBB7:
	movq	%rsp, %rdi
	movq	%rbx, %rsi
	movq	%r14, %rdx
	movq	%r15, %r8
	callq	*step@GOTPCREL(%rip)
	movq	(%rsp), %r14
	movq	8(%rsp), %r13
	cmpq	$4, 24(%rsp)
	jne	.LBB10
	movl	32(%rsp), %esi
	movq	16(%rsp), %rdi
	andq	%rbp, %rdi
	jmp	.LBB9
.LBB10:
	movq	%rbx, %rdi
	movq	%r14, %rsi
	movq	%r13, %rdx
	movq	%r15, %rcx
	callq	*end_batch@GOTPCREL(%rip)
	movq	%r15, %rax
	addq	$56, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
