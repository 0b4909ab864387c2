# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
each_rust:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	subq	$136, %rsp
	movq	%rdi, %r14
	movq	96(%rdi), %rax
	movq	%rax, 24(%rsp)
	movl	208(%rdi), %ebx
	testl	%ebx, %ebx
	je	.LBB26
	movq	112(%r14), %rdx
	leaq	128(%r14), %rax
	movq	%rax, 56(%rsp)
	leaq	40(%r14), %rax
	movq	%rax, 48(%rsp)
	leaq	80(%r14), %rax
	movq	%rax, 40(%rsp)
	movq	%rdx, 32(%rsp)
	movq	%r14, 8(%rsp)
.LBB2:
	movq	120(%r14), %rax
	movq	168(%r14), %rcx
	movq	56(%rsp), %rdi
	movq	16(%rdi), %rsi
	movq	48(%rsp), %r8
	movq	%rsi, 16(%r8)
	movdqu	(%rdi), %xmm0
	movdqu	%xmm0, (%r8)
	movq	%rax, 64(%r14)
	movq	$0, 72(%r14)
	movq	40(%rsp), %rax
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, (%rax)
	cmpq	$65536, %rcx
	movl	$65536, %eax
	cmovaeq	%rax, %rcx
	movq	%rcx, 32(%r14)
	leaq	80(%rsp), %rdi
	movq	%r14, %rsi
	xorl	%ecx, %ecx
	xorl	%r8d, %r8d
	callq	*step@GOTPCREL(%rip)
	movq	80(%rsp), %r15
	movq	88(%rsp), %r12
	cmpq	$4, 104(%rsp)
	jne	.LBB25
	movq	112(%rsp), %rcx
	movl	%ebx, %eax
	addq	$-8, %rax
	movq	96(%rsp), %rdi
	movq	%rax, 16(%rsp)
	andq	%rax, %rdi
	movq	200(%r14), %rbx
	addq	%rbx, %rdi
	movl	%ecx, %esi
	movq	%rcx, 72(%rsp)
	leal	15(%rcx), %r14d
	andl	$-8, %r14d
	movl	$1, %r13d
	movq	%rsi, %rbp
	jmp	.LBB5
.LBB4:
	addq	%rcx, %r15
	incq	%r13
	movq	200(%rdx), %rbx
	addq	%rbx, %rdi
	movq	%rax, %r12
.LBB5:
	addq	$8, %rdi
	callq	*on_sample@GOTPCREL(%rip)
	cmpq	%r14, %r12
	movq	%r13, 64(%rsp)
	jb	.LBB8
.LBB6:
	movq	%r15, %rax
	andq	16(%rsp), %rax
	movl	(%rbx,%rax), %ecx
	#MEMBARRIER
	cmpl	72(%rsp), %ecx
	jne	.LBB8
	addq	%r14, %r15
	subq	%r14, %r12
	incq	%r13
	movq	8(%rsp), %rcx
	movq	200(%rcx), %rbx
	leaq	(%rbx,%rax), %rdi
	addq	$8, %rdi
	movq	%rbp, %rsi
	callq	*on_sample@GOTPCREL(%rip)
	cmpq	%r14, %r12
	jae	.LBB6
.LBB8:
	testq	%r12, %r12
	je	.LBB14
	movq	%r13, %rax
	subq	64(%rsp), %rax
	cmpq	$7, %rax
	jbe	.LBB15
.LBB10:
	movq	%r15, %rdi
	andq	16(%rsp), %rdi
	movq	8(%rsp), %rdx
	movq	200(%rdx), %rax
	movl	(%rax,%rdi), %esi
	#MEMBARRIER
	leaq	15(%rsi), %rcx
	movabsq	$8589934584, %rax
	andq	%rax, %rcx
	movq	%r12, %rax
	subq	%rcx, %rax
	jae	.LBB4
	testl	%esi, %esi
	js	.LBB24
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %r12
	jb	.LBB24
	movq	8(%rsp), %rax
	incq	72(%rax)
	addq	%rsi, %r15
	subq	%rsi, %r12
	jne	.LBB10
.LBB14:
	xorl	%r12d, %r12d
	movq	8(%rsp), %r14
	jmp	.LBB22
.LBB15:
	movq	8(%rsp), %r14
.LBB16:
	movq	%r15, %rax
	andq	16(%rsp), %rax
	movq	200(%r14), %rcx
	movl	(%rcx,%rax), %esi
	#MEMBARRIER
	leaq	15(%rsi), %rbx
	movabsq	$8589934584, %rcx
	andq	%rcx, %rbx
	cmpq	%rbx, %r12
	jb	.LBB18
	addq	%rbx, %r15
	incq	%r13
	movq	200(%r14), %rcx
	leaq	(%rcx,%rax), %rdi
	addq	$8, %rdi
	callq	*on_sample@GOTPCREL(%rip)
	subq	%rbx, %r12
	jne	.LBB16
	jmp	.LBB21
.LBB18:
	testl	%esi, %esi
	js	.LBB22
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %r12
	jb	.LBB22
	incq	72(%r14)
	addq	%rsi, %r15
	subq	%rsi, %r12
	jne	.LBB16
.LBB21:
	xorl	%r12d, %r12d
.LBB22:
	movq	%r14, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	movq	%r13, %rcx
	callq	*end_batch@GOTPCREL(%rip)
	movq	112(%r14), %rdx
	movzbl	212(%r14), %eax
	movq	%rdx, %rcx
	subq	32(%rsp), %rcx
	negq	%rax
	movl	$4294967295, %esi
	orq	%rsi, %rax
	andq	%rcx, %rax
	movl	208(%r14), %ebx
	cmpq	%rbx, %rax
	jb	.LBB2
	jmp	.LBB26
.LBB24:
	movq	8(%rsp), %r14
	jmp	.LBB22
.LBB25:
	movq	%r14, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	xorl	%ecx, %ecx
	callq	*end_batch@GOTPCREL(%rip)
.LBB26:
	movq	96(%r14), %rax
	subq	24(%rsp), %rax
	addq	$136, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
