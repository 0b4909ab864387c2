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
	movq	416(%rdi), %rax
	movq	360(%rdi), %r14
	movzbl	356(%rdi), %ecx
	movq	%r14, %rdx
	subq	%rax, %rdx
	negq	%rcx
	movl	$4294967295, %edi
	orq	%rcx, %rdi
	andq	%rdx, %rdi
	movl	352(%rbx), %ebp
	movq	496(%rbx), %rsi
	movq	%rsi, %rcx
	movq	%rsi, %rdx
	cmpq	%rbp, %rdi
	ja	.LBB2
	movq	408(%rbx), %rdx
	movq	%rax, %rcx
.LBB2:
	ja	.LBB3
	movdqu	392(%rbx), %xmm0
	jmp	.LBB5
.LBB3:
	movq	%rsi, %xmm0
	pshufd	$68, %xmm0, %xmm0
.LBB5:
	movdqu	%xmm0, 392(%rbx)
	movq	%rdx, 408(%rbx)
	movq	%rcx, 416(%rbx)
	movq	368(%rbx), %rax
	movq	%rax, 456(%rbx)
	movq	$0, 464(%rbx)
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, 472(%rbx)
	movq	$0, 488(%rbx)
	movq	344(%rbx), %r12
	addq	$-8, %rbp
	xorl	%r15d, %r15d
	xorl	%ecx, %ecx
	jmp	.LBB6
.LBB7:
	movq	%r14, %rax
	andq	%rbp, %rax
	movl	(%r12,%rax), %esi
	#MEMBARRIER
	leaq	15(%rsi), %rdx
	andq	$-8, %rdx
	movq	%rcx, %r13
	subq	%rdx, %r13
	jae	.LBB16
	testl	%esi, %esi
	js	.LBB12
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %rcx
	jb	.LBB12
	incq	464(%rbx)
	addq	%rsi, %r14
	subq	%rsi, %rcx
	jne	.LBB7
	jmp	.LBB11
.LBB16:
	addq	%rdx, %r14
.LBB14:
	incq	%r15
	leaq	(%r12,%rax), %rdi
	addq	$8, %rdi
	callq	*on_sample@GOTPCREL(%rip)
	movq	%r13, %rcx
.LBB6:
	testq	%rcx, %rcx
	jne	.LBB7
.LBB11:
	xorl	%ecx, %ecx
.LBB12:
	movq	%rsp, %rdi
	movq	%rbx, %rsi
	movq	%r14, %rdx
	movq	%r15, %r8
	callq	*step@GOTPCREL(%rip)
	movq	(%rsp), %r14
	movq	8(%rsp), %r13
	cmpq	$7, 24(%rsp)
	jne	.LBB15
	movl	32(%rsp), %esi
	movq	16(%rsp), %rax
	andq	%rbp, %rax
	jmp	.LBB14
.LBB15:
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
