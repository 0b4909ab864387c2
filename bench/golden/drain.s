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
	movq	56(%rdi), %rax
	movq	184(%rdi), %rcx
	movdqu	(%rdi), %xmm0
	movups	16(%rdi), %xmm1
	movdqu	%xmm0, 64(%rdi)
	movups	%xmm1, 80(%rdi)
	movq	%rax, 136(%rdi)
	cmpq	$1073741824, %rcx
	movl	$1073741824, %eax
	cmovbq	%rcx, %rax
	movq	%rax, 128(%rdi)
	movq	$0, 144(%rdi)
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, 152(%rdi)
	movq	48(%rdi), %r15
	movl	224(%rdi), %ebp
	addq	$-8, %rbp
	xorl	%r14d, %r14d
	movq	on_sample@GOTPCREL(%rip), %r12
	xorl	%ecx, %ecx
	jmp	.LBB1
.LBB2:
	movq	%r15, %rdi
	andq	%rbp, %rdi
	movq	216(%rbx), %rax
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
	incq	144(%rbx)
	addq	%rsi, %r15
	subq	%rsi, %rcx
	jne	.LBB2
	jmp	.LBB6
.LBB11:
	addq	%rax, %r15
.LBB9:
	addq	216(%rbx), %rdi
	incq	%r14
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
	movq	%r15, %rdx
	movq	%r14, %r8
	callq	*step@GOTPCREL(%rip)
	movq	(%rsp), %r15
	movq	8(%rsp), %r13
	cmpq	$4, 24(%rsp)
	jne	.LBB10
	movl	32(%rsp), %esi
	movq	16(%rsp), %rdi
	andq	%rbp, %rdi
	jmp	.LBB9
.LBB10:
	movq	%rbx, %rdi
	movq	%r15, %rsi
	movq	%r13, %rdx
	movq	%r14, %rcx
	callq	*end_batch@GOTPCREL(%rip)
	movq	%r14, %rax
	addq	$56, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
